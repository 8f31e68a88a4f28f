"""Models out of memory or a file, checked, as functions of flat tensors; examples for them."""
