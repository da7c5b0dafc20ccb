"""Feast objects of the loans use case (include/use_cases/loans)."""

from leadmill.features.objects import feast_objects
from leadmill.spec import load_use_case

objects = feast_objects(load_use_case("loans"))
entity, view, service = objects.entity, objects.view, objects.service
