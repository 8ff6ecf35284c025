"""CLA and ICA on FLUX's blocks: as dense masks, exactly without them, with references kept, and shared by processes."""
