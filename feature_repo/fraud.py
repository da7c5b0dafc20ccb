"""Feast objects of the card fraud use case (include/use_cases/fraud)."""

from leadmill.features.objects import feast_objects
from leadmill.spec import load_use_case

objects = feast_objects(load_use_case("fraud"))
entity, view, service = objects.entity, objects.view, objects.service
