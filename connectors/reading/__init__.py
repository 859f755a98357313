"""How documents are pulled and read strictly, whatever stands in them: the network, JSON and XML, records and columns, signatures, stations."""
