"""What a catalogue of datasets is worth to harvesters: the EU's metadata quality assessment, foretold."""
