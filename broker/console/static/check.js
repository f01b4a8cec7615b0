// A file dropped anywhere on the page goes into the form, which is then sent; without this script the form does it alone.
"use strict";
(() => {
  const form = document.querySelector("form.drop");
  if (!form) return;
  const button = form.querySelector("button");
  const input = form.elements.document;
  const show = () => { form.querySelector("output").textContent = input.files[0]?.name ?? ""; };
  form.classList.add("scripted");
  input.addEventListener("change", show);
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
    const target = event.target.closest?.("label")?.querySelector("input[type=file]") ?? input;
    target.files = event.dataTransfer.files;
    show();
    if (target === input && !form.querySelector("details[open]")) form.requestSubmit();
  });
  form.addEventListener("submit", () => { button.textContent = "Проверяем…"; button.disabled = true; });
  addEventListener("pageshow", () => { button.textContent = "Проверить"; button.disabled = false; show(); });
})();
