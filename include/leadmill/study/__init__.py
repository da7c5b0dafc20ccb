"""The study of a use case's data: analyses of its training rows, and the page that shows them to a person."""
