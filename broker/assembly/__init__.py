"""The only place where ports meet implementations: what ``serve``, ``work`` and the simulators are made of."""
