create table users (
    id integer primary key,
    name text not null
);

create table visit (
    id integer generated always as identity primary key,
    visitor text not null
);

insert into users (id, name) values (1, 'ann'), (2, 'ben'), (3, 'cleo');
