"""The sign-off: rows of what is run at length, their results, and the page made of them."""
