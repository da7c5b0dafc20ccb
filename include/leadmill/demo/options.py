"""What the command line says of the demos: which use case is meant without one, and how large its world is."""

DEFAULT = "leads"
SIZE = "--leads"
SIZE_HELP = "Made-up leads, or merchants (leads: 20,000, x_education: 9,240, tpv: 800)"
DAYS_HELP = "Days of simulated history (leads: 365, tpv: 912)"
WHOSE = "Whose source: leads or tpv."
ABOUT = (
    "From nothing to scored leads: start the services, fill the warehouse, run every DAG, show the best leads.\n\n"
    "The use case 'leads' reads a simulated CRM, 'tpv' a simulated acquirer, the others a file: yours, or a made-up "
    "one of the same shape. What is done already is not done again."
)
