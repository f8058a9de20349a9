"""Numbers as the language of whoever reads them writes them."""

from django.utils.formats import number_format


def grouped(number: int) -> str:
    """`1,234` in English, `1.234` in German."""
    return number_format(number, force_grouping=True)
