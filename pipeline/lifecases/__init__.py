"""Cases of contacts, surveys and recoveries in the file of clock cases, run by the code that runs in the flow."""
