"""The gateway behind one door: a unified entry in front of departmental systems."""
