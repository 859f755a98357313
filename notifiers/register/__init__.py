"""The register of residents: `importing` takes a real county's list, `wishes` what residents ask for themselves, `synthetic` makes one for demonstration.

Of a list `listfile` reads the file, `headings` its first line, `people` and `words` the others, `changes` compares it with what is there, `terms` says when
it is refused, `writing` writes it.
"""

from notifiers.register.importing import import_list
from notifiers.register.synthetic import ensure_register
from notifiers.register.terms import ImportReport, Terms
from notifiers.register.wishes import Granted, Wish, grant

__all__ = ["Granted", "ImportReport", "Terms", "Wish", "ensure_register", "grant", "import_list"]
