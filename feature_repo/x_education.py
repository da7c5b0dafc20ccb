"""Feast objects of the X Education use case (include/use_cases/x_education)."""

from leadmill.features.objects import feast_objects
from leadmill.spec import load_use_case

objects = feast_objects(load_use_case("x_education"))
entity, view, service = objects.entity, objects.view, objects.service
