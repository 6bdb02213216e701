-- A database with two roles: grids_owner migrates, grids serves. As a superuser:
--     psql --set ON_ERROR_STOP=1 --set database=grids --file deploy/database.sql
-- UTF-8 and the order of code points, whatever the locale of the machine is.
CREATE DATABASE :"database" OWNER grids_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO grids;

\connect :"database"
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO grids;
-- Rows are all that the serving role reads and writes, of whatever a migration creates. Imports set sequences.
ALTER DEFAULT PRIVILEGES FOR ROLE grids_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO grids;
ALTER DEFAULT PRIVILEGES FOR ROLE grids_owner IN SCHEMA public GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO grids;
