"""Streams: several utterances one after another in a room, with pauses and room tone, as a phone hears people."""
