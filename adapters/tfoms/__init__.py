"""ТФОМС over the SOAP protocol service: a token, a package of bills, a state to ask for, errors case by case."""

from adapters.tfoms.adapter import TfomsAdapter

ADAPTER = TfomsAdapter()

__all__ = ["ADAPTER", "TfomsAdapter"]
