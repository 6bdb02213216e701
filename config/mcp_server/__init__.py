"""A server of MCP, the Model Context Protocol, over stdio: tools by which a language model reads a catalogue.

It asks nothing but the public API of a catalogue, ours or another one, and changes nothing.
"""
