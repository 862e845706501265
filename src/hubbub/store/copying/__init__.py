"""Moving a whole collection from one store into another, whatever their engines."""
