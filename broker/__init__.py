"""The broker: an «Иная ИС» between private clinics and the state health systems."""
