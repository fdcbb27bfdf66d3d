"""Which cases of a test `make test` tries."""

import pytest


def sampled(cases, *kept):
    """Parameters, one for each of the cases. `make test` tries the `kept` ones alone, `make test-all` all of them."""
    assert set(kept) <= set(cases), f"no cases: {set(kept) - set(cases)}"
    return [case if case in kept else pytest.param(case, marks=pytest.mark.thorough) for case in cases]
