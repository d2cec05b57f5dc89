create table visit (
    id integer generated always as identity primary key,
    visitor text not null
);
