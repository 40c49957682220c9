"""Tajo Customer Sync."""
