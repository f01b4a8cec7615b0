"""Workers: loops that claim tasks, call the pure steps or an adapter, and commit what came of it."""
