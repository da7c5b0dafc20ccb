"""What comes after the scores: drift, performance of the scores as issued, freshness, alerts, follow-up by people.

Everything is counted in SQL over the tables; what a run finds stays in ``ops.*`` with the run's name.
"""
