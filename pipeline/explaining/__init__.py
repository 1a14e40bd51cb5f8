"""The way of an alert to people, put together from the store and the settings, and told in words."""
