"""The bus (a port with two implementations): it says which tasks are due; losing or doubling that is harmless.

Public names: ``port`` (Due, Bus, PartnerDoor, IntakeMessage, Sent, NotNow), ``local``, ``rabbitmq``, ``topology``, ``auth``.
"""
