"""Addresses of searches by one filter, for the pages of pictures."""

from urllib.parse import urlencode

from django import template
from django.urls import reverse

from search.query.terms import Filter

register = template.Library()


@register.simple_tag
def filter_address(field: str, value: str) -> str:
    """The address of the search for all pictures with this filter: `camera`, `on`, `by`, …"""
    return f"{reverse('search')}?{urlencode({'q': str(Filter(field, value))})}"
