"""Feast objects of the tpv use case (include/use_cases/tpv)."""

from leadmill.features.objects import feast_objects
from leadmill.spec import load_use_case

objects = feast_objects(load_use_case("tpv"))
entity, view, service = objects.entity, objects.view, objects.service
