-- Every feature is a column of the lead itself; nothing is derived.
SELECT * FROM typed
