"""What tests check annotations with: beartype, where an int may stand for a float."""

from typing import Any, Self

from beartype import BeartypeConf, FrozenDict, beartype

# The import hook decorates methods one by one, where beartype does not know what `Self` is.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=FrozenDict({Self: Any})))
