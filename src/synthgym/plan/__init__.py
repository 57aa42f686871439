"""What is to be computed: params.yaml and conf/, checked, and the configuration of each job."""
