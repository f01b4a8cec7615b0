"""МИС vendors, clinics, the links between them, their credentials and onboarding (pure values and decisions)."""
