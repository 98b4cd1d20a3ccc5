"""Equations as text: plain functions of numbers, and the operations of which they are made."""
