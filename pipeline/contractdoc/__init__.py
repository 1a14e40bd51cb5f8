"""The contract of data, written from the code: JSON Schemas, the AsyncAPI document, the reference page of events."""
