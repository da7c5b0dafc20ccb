"""Feast objects of the leads use case (include/use_cases/leads)."""

from leadmill.features.objects import feast_objects
from leadmill.spec import load_use_case

objects = feast_objects(load_use_case("leads"))
entity, view, service = objects.entity, objects.view, objects.service
