import LoadReport
