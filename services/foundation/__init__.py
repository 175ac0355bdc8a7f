"""The HTTP and database ground that both services stand on; it knows no word of the business."""
