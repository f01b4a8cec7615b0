"""Doors: where partners' submissions (HTTP, AMQP) and state systems' calls come in."""
