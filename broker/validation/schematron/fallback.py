"""The slow, exact way: an expression that has no XPath 1.0 counterpart is evaluated by elementpath's XPath 3.1."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import elementpath
from elementpath.exceptions import ElementPathError
from lxml.etree import _Element as Element

from broker.validation.schematron.functions import DynamicError
from broker.validation.schematron.load import Variable
from broker.validation.schematron.terms import CURRENT, Untranslatable
from broker.validation.schematron.translate import Syntax

Node: TypeAlias = Any
"""A node of elementpath's own tree, or an lxml element."""
_UNANSWERED: Final = (ElementPathError, Untranslatable, RecursionError)


class Fallback:
    """One document seen by elementpath; its tree is built when the first expression needs it."""

    def __init__(self, root: Element, syntax: Syntax, at: datetime) -> None:
        self._root = root
        self._syntax = syntax
        self._at = at
        self._tree: Node = None

    def select(self, context: str, outer: Sequence[Variable]) -> list[Node]:
        """Return the nodes a rule's context matches anywhere; an error in a pattern matches nothing (XSLT 2.0 §5.5.4)."""
        try:
            return self._evaluate(f"/descendant-or-self::node()/({context})", outer)
        except DynamicError:
            return []

    def truth(
        self, test: str, node: Node, outer: Sequence[Variable], variables: Sequence[Variable] = ()
    ) -> bool:
        """Return the truth of a test at a node; DynamicError where it has none.

        ``outer`` variables, of file and pattern, are about the document, the rule's own about the node.
        """
        try:
            token = self._syntax.parse(test)
            return bool(token.boolean_value(list(token.select(self._context(node, outer, variables)))))
        except _UNANSWERED as error:
            raise DynamicError("the expression cannot be evaluated") from error

    def _evaluate(self, expression: str, outer: Sequence[Variable]) -> list[Node]:
        try:
            return list(self._syntax.parse(expression).select(self._context(None, outer, ())))
        except _UNANSWERED as error:
            raise DynamicError("the expression cannot be evaluated") from error

    def _context(
        self, node: Node, outer: Sequence[Variable], variables: Sequence[Variable]
    ) -> elementpath.XPathContext:
        if self._tree is None:
            self._tree = elementpath.get_node_tree(self._root.getroottree())
        item = self._tree if node is None else node
        values: dict[str, Any] = {CURRENT: item}
        for place, known in ((self._tree, outer), (item, variables)):
            for variable in known:
                token = self._syntax.parse(variable.value)
                values[variable.name] = list(token.select(self._at_item(place, values)))
        return self._at_item(item, values)

    def _at_item(self, item: Node, values: dict[str, Any]) -> elementpath.XPathContext:
        return elementpath.XPathContext(self._tree, item=item, current_dt=self._at, variables=dict(values))
