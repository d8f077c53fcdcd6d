"""Prices: what they may be in eight weeks, with how sure that is, and whether to sell a pig now or to wait."""
