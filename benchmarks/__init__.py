"""leadmill beside the stock wiring of the same tools, on the same made-up rows; ``./leadmill bench`` runs it."""
