"""How spikes get from one population to another: a room for each way in which synapses lie in memory."""
