from django.urls import path

from captioning import views

urlpatterns = [
    path("i/<uuid:uuid>/looks/", views.looks, name="looks"),
]
