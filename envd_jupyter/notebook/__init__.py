"""What a person sees in a notebook: magics, display, form and preferences."""
