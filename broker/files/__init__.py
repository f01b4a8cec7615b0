"""Files for years: found wherever they are when a state system asks, let go when nobody may ask or the clinic keeps them."""
