"""Pictures and videos: which addresses may be asked, what bytes really are, whether they are whole, where they lie."""
