"""Magento 2 and Adobe Commerce: its API by an integration, events of a small module of the shop or of Adobe I/O."""
