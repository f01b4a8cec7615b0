// A file dropped anywhere on the page goes into the form, which is then sent; without this script the form does it alone.
"use strict";
(() => {
  const form = document.querySelector("form.drop");
  if (!form) return;
  const button = form.querySelector("button");
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.add("over");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    form.classList.remove("over");
    const input = event.target.closest?.("label")?.querySelector("input[type=file]") ?? form.elements.document;
    input.files = event.dataTransfer.files;
    if (input === form.elements.document && !form.querySelector("details[open]")) form.requestSubmit();
  });
  form.addEventListener("submit", () => { button.textContent = "Проверяем…"; button.disabled = true; });
  addEventListener("pageshow", () => { button.textContent = "Проверить"; button.disabled = false; });
})();
