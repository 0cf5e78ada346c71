"""The only place that knows pygame and Pillow."""
