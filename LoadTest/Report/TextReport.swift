import LoadEngine
