"""What the tests check annotations with: beartype, for which an int may stand where a float is asked."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
