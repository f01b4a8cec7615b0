"""A row is divided without leaving anything out, into slices that fit and are no smaller than they must be."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from broker.document.portions import divided


@given(st.lists(st.integers(0, 30)), st.integers(0, 40))
def test_slices_cover_the_row_and_fit(sizes, limit):
    parts = [sizes[part] for part in divided(sizes, limit)]
    assert [size for part in parts for size in part] == sizes
    assert all(part and (len(part) == 1 or sum(part) <= limit) for part in parts)
    for part, following in itertools.pairwise(parts):
        assert sum(part) + following[0] > limit, "the next one would have fitted"
